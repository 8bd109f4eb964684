"""How a variant is made: methods as data, two engines, calibration."""
