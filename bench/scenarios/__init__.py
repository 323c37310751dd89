"""One module for each figure, or for figures that come from the same measurement. `run` measures and returns them."""
