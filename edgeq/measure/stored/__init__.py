"""Comparison of what a variant and its baseline store: weights, biases, constants, operators."""
