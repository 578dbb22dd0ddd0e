# The stub step that never reads its input.
FROM coordinator-test/stub
CMD ["deaf"]
