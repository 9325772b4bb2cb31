"""What a case looks like as JSON, HTML, figures and masks. Computes nothing."""
