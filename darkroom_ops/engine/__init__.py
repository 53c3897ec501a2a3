"""The local engine: runs the very template.yaml and state machine that AWS runs."""

# isort: skip_file
import gc

gc.disable()  # all that is imported stays: looking through it time and again takes half a second
try:
    from darkroom_ops.engine.lambda_ import descriptions  # noqa: F401 - before moto, which reads them
    from darkroom_ops.engine.moto.unused import left_out

    with left_out():
        from darkroom_ops.engine.engine import Engine
finally:
    gc.freeze()
    gc.enable()

__all__ = ["Engine"]
