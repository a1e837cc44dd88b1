"""Checkpoints in ncnn's text format, a .param and a .bin, as torch networks (Tencent/ncnn)."""
