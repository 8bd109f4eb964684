"""Object detection: which outputs hold boxes, how they become boxes, and how boxes are compared."""
