"""Bringing networks in and out."""
