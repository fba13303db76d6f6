"""What tools/export.py is made of: an exported model beside PyTorch's."""
