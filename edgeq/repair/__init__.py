"""What would make a variant pass: the smallest or fastest mix of precisions that does.

The squared relative error of what decides (logits, heads of a detector, an embedding) is additive
over the units of a model. So one table, unit by precision, and an exact knapsack replace a search;
few candidates are made and judged by the gate itself.
"""
