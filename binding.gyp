{
  "targets": [
    {
      "target_name": "vitrine",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(PRODUCT_DIR)/vitrine.node"],
          "action": ["node", "scripts/cmake-build.mjs"]
        }
      ]
    }
  ]
}
