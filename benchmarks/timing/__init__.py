"""What `make validate-timing` holds the timing model against, and how it counts the deviation."""
