"""A flow-matching model of the toy world: Chroma's topology, narrow, with scenes of two things in two colours."""
