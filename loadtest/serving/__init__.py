"""What Wattscan's server costs beside a bare ONNX Runtime session, and beside other servers.

`python -m loadtest.serving --help`; docs/serving-benchmark.md says what is measured and how.
"""
