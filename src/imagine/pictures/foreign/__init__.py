"""Recipes that other programs wrote into their pictures, under our names; each program's form in a file of its own."""
