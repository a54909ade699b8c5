"""Tables, figures and lists of what a run has given."""
