"""From what somebody asks for to a complete recipe: declared once, checked, resolved."""
