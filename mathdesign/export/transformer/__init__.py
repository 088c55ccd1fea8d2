"""Transformers as plain PyTorch, ONNX and Hugging Face configurations."""
