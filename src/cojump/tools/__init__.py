"""What the other packages share and what knows no physics."""
