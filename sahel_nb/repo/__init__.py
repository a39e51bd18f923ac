"""The only door to git. Bytes stay bytes until they must be shown; this package imports nothing by itself."""
