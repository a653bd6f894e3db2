"""A library of models that its owner fills: what a name means, where it is fetched, and how it comes here whole."""
