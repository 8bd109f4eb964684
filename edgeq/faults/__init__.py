"""Catalogue of faults in models, data and files, which `edgeq challenge` injects."""
