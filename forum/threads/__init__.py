"""Threads and their posts: asking, answering, editing, taking back, reading on."""
