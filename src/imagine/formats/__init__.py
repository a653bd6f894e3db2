"""What files of weights say of what is in them, read and bounded; nothing here computes with it."""
