"""What facilitators do to the threads and posts of others, each act written down with its reason."""
