"""What runs the networks of a pack: ONNX Runtime or OpenVINO, at which precision, and who says so.

Here: opening a network, making int8 ones, the guard of accuracy, the choice by measuring.
Not here: what a face is, which pack is taken.
"""
