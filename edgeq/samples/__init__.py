"""Where photographs and labels come from, and how one becomes an input tensor."""
