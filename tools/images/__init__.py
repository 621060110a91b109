"""What ``make images-check`` does."""
