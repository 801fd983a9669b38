"""The servers, clients and helpers that the end-to-end tests are made of; conftest.py hands them out.

One class per file. A class starts what it stands for in its constructor, is a context manager, and leaves
nothing behind. test_parts.py proves each with a real client, so that a broken part is not taken for a broken
sealift.
"""
