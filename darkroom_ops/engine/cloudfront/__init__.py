"""CloudFront, as far as the template uses it: a distribution, its policies and its function."""
