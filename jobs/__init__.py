"""One thin module per command; everything that touches the outside world."""
