"""Fields of a Hugging Face `config.json`, family by family, and the shapes that follow from them."""
