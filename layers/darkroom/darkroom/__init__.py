"""Darkroom's core: what the Lambda functions do, as code that needs no Lambda to run.

``decode``, ``render``, ``watermark`` and ``document`` are pure functions over bytes and frozen
specs. ``storage`` is the only module that talks to S3. ``steps`` joins the two, one function a
step of the state machine.
"""

__version__ = "0.1.0"
