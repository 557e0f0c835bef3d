"""What members hear of, by which mail and when."""
