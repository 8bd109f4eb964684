"""Finding the smallest or fastest mix of precisions with which a variant passes.

The squared relative error of the deciding outputs (logits, the heads of a detector, an embedding)
is additive over the units of a model. One table of units by precision and an exact knapsack
therefore replace a search, and only a few candidates are made and judged by the gate itself.
"""
