"""The services of AWS that the steps use. Nothing else here imports boto3."""
