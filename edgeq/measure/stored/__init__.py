"""What a variant's file holds beside its baseline's: weights, biases, constants, operators."""
