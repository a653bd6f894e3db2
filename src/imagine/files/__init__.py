"""Files that users and strangers name: read within bounds."""
