{
  "targets": [
    {
      "target_name": "vitrine",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(PRODUCT_DIR)/vitrine.node.stamp"],
          "action": ["node", "node_modules/cmake-js/bin/cmake-js", "build", "--config", "Release"]
        }
      ]
    }
  ]
}
