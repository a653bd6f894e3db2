"""Pictures in the making."""
