"""The index of known weaknesses of the published command: which tests show that each of them is absent here.

The keys are the numbers of the published list (`W n`). A name is that of a GoogleTest (Suite.name) in tests/unit/cli or tests/unit/client,
or of a Python test here; it says the number. test_weaknesses.py fails if a number is missing or a named test is not in the tree.
"""

WEAKNESSES = {
    1: ["Requests.test_W1_a_single_restriction_flag_restricts"],
    2: ["Requests.test_W2_a_transfer_code_is_printed"],
    3: ["Requests.test_W3_the_form_that_a_profile_asks_for_is_not_overruled_by_a_default"],
    4: ["Requests.test_W4_times_in_words_are_taken_inside_json"],
    5: ["Requests.test_W5_rotation_from_json_a_file_and_single_flags"],
    6: ["Requests.test_W6_mistakes_that_lose_protection_are_errors"],
    7: ["OverSsh.W7_an_error_of_the_server_is_not_printed_as_a_token", "Ssh.W7_a_host_that_looks_like_an_option_is_a_host"],
    8: ["OverSsh.W8_an_access_token_needs_no_mytoken_no_server_address_and_may_go_to_a_file",
        "OverSsh.W8_a_recursive_revocation_stays_recursive"],
    9: ["CalendarsCommand.W9_unsubscribe_never_deletes_and_remove_only_after_a_question"],
    10: ["Servers.test_W10_a_server_without_the_endpoint_is_no_crash", "Settings.W10_a_server_without_settings_is_no_crash"],
    11: ["Tokens.test_W11_a_token_among_the_arguments_is_warned_about_on_a_terminal"],
    12: ["LoginOnATerminal.test_W12_a_prompt_is_on_the_terminal_while_stdout_has_the_result_alone",
         "Forms.W12_questions_are_on_the_terminal_and_stdout_is_the_result"],
    13: ["Requests.test_W13_a_mytoken_is_shown_to_its_own_server"],
    14: ["Tokens.test_W14_two_processes_use_one_rotating_file_500_times",
         "Tokens.test_W14_a_successor_that_meets_a_full_disk_is_rescued_elsewhere_or_shown"],
    15: ["NotificationsCommand.W15_create_sends_sorted_lists_after_creating_unknown_tags",
         "ProfilesCommand.W15_names_are_sorted_and_empty_groups_left_out"],
    16: ["Tags.W16_names_are_percent_encoded_in_addresses", "Notifications.W16_codes_and_ids_are_one_segment_each"],
    17: ["Requests.test_W17_home_standard_input_and_xdg_config_home"],
    18: ["Colours.W18_must_be_hexadecimal",
         "CapabilitiesCommand.W18_a_status_that_is_no_success_and_a_server_without_them_are_errors"],
    19: ["Servers.test_W19_a_document_of_another_issuer_is_not_believed"],
    20: ["Email.W20_an_update_sends_only_what_changes_and_reads_nothing_before", "HostEntry.W20_entries_added_at_the_same_time_are_all_there"],
    21: ["Tokens.test_W21_a_discovered_token_that_others_could_have_planted_is_not_used"],
}
