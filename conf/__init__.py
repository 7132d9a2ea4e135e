"""Settings files. A package so that they are found inside a zip."""
