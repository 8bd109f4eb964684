"""Making of variants: methods as data, two engines, calibration."""
