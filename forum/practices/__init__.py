"""What proved itself: marks on posts now; the library of practices grows from here."""
