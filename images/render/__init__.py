"""Drawing a municipality: ``python -m images.render OUT ...``; images/README.md tells what is drawn and how."""
