"""Pure attribution and faithfulness measures: tensors in, tensors out."""
