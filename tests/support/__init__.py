"""What tests share: models, run files, results without a run, the command line."""
