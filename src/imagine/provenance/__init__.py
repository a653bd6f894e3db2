"""What a picture says, signed, of where it comes from (C2PA), and what others' pictures say."""
