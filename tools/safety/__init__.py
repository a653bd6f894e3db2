"""What makes the classifiers of pictures: the one that ships, from its package, and the toy world's for tests."""
