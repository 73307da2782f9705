"""smokelib: what board/nitro/smoke is made of: cloud (the aws command), journal (smoke.json), steps, denied, opened, remove."""
