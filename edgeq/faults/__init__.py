"""Ways in which models, data and files go wrong: the catalogue that `edgeq challenge` draws on."""
