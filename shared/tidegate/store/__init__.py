"""DynamoDB rows and their rules: one module a table, every write conditional, so that repeating one changes nothing."""
